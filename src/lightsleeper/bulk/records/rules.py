"""The numbers and names that reading a file goes by. `web/many/reading/rules.js` holds the same; a test compares them.

What they are for stands in `tests/files/README.md`.
"""

from typing import Final

#: Bytes from which encoding, format, delimiter, quotes, header and text column are decided. Never more is held at once
#: than this, one row and one piece.
WINDOW_BYTES: Final = 256 * 1024
PIECE_BYTES: Final = 256 * 1024
#: A longer row is no row: the file has no line ends, or a quote that never closes.
MAX_ROW_CHARS: Final = 16 * 1024 * 1024
#: A JSON document other than an array of rows is read whole.
MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024

#: In the order in which equally good ones are taken.
DELIMITERS: Final = ("\t", ";", "|", ",", "^", "~", "\x01")

#: Those that split only below what surely is a header: texts hold them too.
RARE_DELIMITERS: Final = ("^", "~")

#: Those that split only where none of the others does, below what surely is a header, into even rows.
LAST_DELIMITERS: Final = ("¦", "¬", "§", ":", " ")

#: Of a table with one column: quotes count, and no character that texts hold splits them.
ONE_COLUMN: Final = "\x1f"

#: Share of the rows that must have the first one's width before a character is taken for a delimiter.
LEAST_FIT: Final = 0.4

#: Share of the rows, lines or cells that must be so before the table is taken to be so, in spite of the others.
MOSTLY: Final = 0.9

#: What programs write where nothing was: pandas' list, databases, spreadsheets' errors. Compared in small letters.
PLACEHOLDERS: Final = frozenset(
    {
        *("null", "nan", "-nan", "n/a", "na", "#n/a", "#na", "<na>", "none", "nil", "nat", "undefined", "(null)"),
        *(
            "-",
            "--",
            "---",
            "\N{EN DASH}",
            "\N{EM DASH}",
            "\\n",
            "#n/a n/a",
            "1.#ind",
            "-1.#ind",
            "1.#qnan",
            "-1.#qnan",
        ),
        *("#value!", "#ref!", "#name?", "#div/0!", "#null!", "#num!"),
        # Excel's other errors, those of its German, French, Spanish, Italian, Portuguese, Polish and Russian, and what
        # Germans, pivot tables, databases' tools and Reddit write.
        *("#error!", "#spill!", "#calc!", "#field!", "#blocked!", "#unknown!", "#connect!", "#busy!"),
        *("#getting_data", "#nv", "#wert!", "#bezug!", "#zahl!", "#überlauf!", "#valeur!", "#nom?", "#nombre!"),
        *("#¡valor!", "#¡ref!", "#¿nombre?", "#¡num!", "#¡div/0!", "#¡nulo!", "#n/d", "#valore!", "#rif!"),
        *("#nome?", "#valor!", "#núm!", "#число!", "#знач!", "#ссылка!", "#имя?", "#дел/0!", "#н/д", "#arg!"),
        *("#adr!", "#nazwa?", "#liczba!", "n.a.", "k.a.", "(blank)", "(empty)", "(none)", "<null>", "[null]"),
        *("[deleted]", "[removed]"),
    }
)

#: Words in the names of columns with texts, and of columns that hold words without being the text.
TEXT_NAMES: Final = frozenset(
    {
        *("text", "texts", "review", "reviews", "comment", "comments", "content", "body", "message", "messages"),
        *("sentence", "phrase", "tweet", "feedback", "answer", "response", "verbatim", "opinion", "post", "remark"),
        *("sentences", "tweets", "answers", "responses", "verbatims", "opinions"),
        *("remarks", "utterance", "document", "headline", "caption", "reviewtext", "originaltweet", "statement"),
    }
)
OTHER_NAMES: Final = frozenset(
    {
        *("id", "name", "user", "username", "author", "reviewer", "date", "time", "timestamp", "created", "at", "url"),
        *("link", "label", "labels", "sentiment", "class", "category", "rating", "score", "stars", "language", "lang"),
        *("title", "subject", "location", "city", "country", "state", "product", "source", "version", "device", "type"),
        *("topic", "group", "index", "key", "number", "code", "email", "address", "reply", "target", "gender", "age"),
    }
)
#: Of TEXT_NAMES, those that stand above a text as often as for one: no reason to prefer their column.
WEAK_TEXT_NAMES: Final = frozenset({"headline", "caption", "post", "document", "statement"})
#: Words in the names of columns that weigh less, and are no sign of a header: of what the other side says, and of what
#: else is written in words.
ANSWERING_NAMES: Final = frozenset(
    {
        *("reply", "replies", "replied", "owner", "developer", "internal", "management", "staff", "seller", "vendor"),
        *("moderator", "回复", "回覆", "返信", "답글", "商家", "オーナー", "사장", "владел", "продав"),
        *("händler", "inhaber", "eigentümer", "verkäufer", "anbieter", "propietario", "propriétaire", "proprietario"),
        *("proprietário", "vendeur", "vendedor"),
    }
)
ASIDE_NAMES: Final = frozenset({"note", "notes", "description", "descriptions", "brand"})
#: The same in other languages, for the column of texts alone: how a word of the name begins or ends, short ones all of
#: it, in scripts without blanks what it holds.
TEXT_STEMS: Final = frozenset(
    {
        *("avis", "bewertung", "kommentar", "rezension", "rückmeldung", "meinung", "nachricht", "texte"),
        *("commentaire", "critique", "texto", "comentari", "reseña", "opini", "testo", "recension", "commento"),
        *("avaliaç", "tekst", "recenz", "komentar", "beoordeling", "recensie", "opmerking", "omdöme", "anmeldelse"),
        *("yorum", "değerlendirme", "текст", "отзыв", "комментари", "рецензи", "відгук", "коментар", "рецензі", "评论"),
        *("評論", "评价", "評價", "点评", "點評", "留言", "内容", "內容", "正文"),
        *("レビュー", "コメント", "感想", "口コミ", "クチコミ", "本文", "리뷰"),
        *("댓글", "후기", "의견", "내용", "본문", "تعليق", "مراجعة", "النص", "رأي"),
    }
)
OTHER_STEMS: Final = frozenset(
    {
        *("datum", "fecha", "produkt", "produit", "producto", "prodotto", "produto", "beschreibung", "description"),
        *("descripción", "descrizione", "descriç", "omschrijving", "opis", "beskrivning", "ürün", "açıklama"),
        *("titel", "titre", "título", "titulo", "titolo", "tytuł", "başlık", "adresse", "adres", "adress"),
        *("indirizzo", "dirección", "endereço", "nombre", "prénom", "autor", "auteur", "autore", "nutzer", "kunde"),
        *("utilisateur", "usuario", "hotel", "stadt", "ville", "ciudad", "notiz", "anmerkung", "товар", "продукт"),
        *("описани", "назван", "назва", "опис", "заголов", "тема", "адрес", "автор", "имя", "пользовател", "город"),
        *("дата", "商品", "产品", "產品", "製品", "品名", "店名", "标题", "標題"),
        *("タイトル", "件名", "地址", "住所", "作者", "用户", "用戶", "名前"),
        *("氏名", "ユーザー", "日期", "日付", "상품", "제품", "제목", "주소", "이름"),
        *("작성자", "날짜", "المنتج", "منتج", "وصف", "عنوان"),
        *("اسم", "تاريخ"),
    }
)
#: Of the others, those that say what a text is about, or whose it is: a product's review is one.
ABOUT_STEMS: Final = frozenset(
    {
        *("product", "produkt", "produit", "producto", "prodotto", "produto", "hotel", "kunde", "user", "customer"),
        *("guest", "товар", "продукт", "ürün", "商品", "产品", "產品", "製品", "상품", "제품", "المنتج", "منتج"),
    }
)
LABEL_COLUMNS: Final = (
    "label",
    "labels",
    "sentiment",
    "class",
    "category",
    "target",
    "polarity",
    "rating",
    "stars",
    "score",
)

#: Encodings without a mark, each with the characters beyond ASCII that its texts are made of. The names are those of
#: the web's Encoding Standard.
_WESTERN: Final = "éèêëàâäáãåæçíìîïñóòôöõøœúùûüßÉÈÊÀÁÂÄÅÆÇÍÑÓÔÖØÜŒÿ’‘“”„–—…«»°€£¡¿·•®™©§¦¬´\u00a0½²"
_CYRILLIC: Final = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯЁІЇЄ«»—–…“”„’№\u00a0"
_KANA: Final = (
    "".join(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FB)]))
    + "ー、。！？「」（）・～　日本人大年一国中長出上生子分東三同今高金時手見月後前五間場社十的会行小自部者"
    "地方思事最良悪映画品買使感作"
)
_HAN: Final = (
    "的一是不在人有我他中上大和地到以要就出可也你生能而子那得下自之年作用道行所然家事成方多去法如都同面起看定"
    "天分好小部其些主理心她本前但因只想日者意力它把十民第公此已工使情明性知全三又正外高由很最重手向文政美相被"
    "利什二等或新己制身果加月回特代信表化老世位次度任常先通教原提立及比水名真各入口平活更打女四神何安少才反受"
    "目太感接必件期市直山金指至形空品差值用喜推。，！？、；：（）“”　"
)
_SIMPLIFIED: Final = (
    _HAN + "这个们来为国说时会过发后里经么学现当动还进样从实无与长机开关点业将两间问战头体见产话内门儿东声员论处"
    "义几认条系气题变总电数报结务场计资统区决马书则听达强难权设记类边张该规万觉术领确传师观让识带导争运荐"
    "买东质很棒错"
)
_TRADITIONAL: Final = (
    _HAN + "這個們來為國說時會過發後裡經麼學現當動還進樣從實無與長機開關點業將兩間問戰頭體見產話內門兒東聲員論處"
    "義幾認條係氣題變總電數報結務場計資統區決馬書則聽達強難權設記類邊張該規萬覺術領確傳師觀讓識帶導爭運薦"
    "買質棒錯"
)
_HANGUL: Final = (
    "이다는에가을를의고하은로지도한기사서나시리어자아인정일대라전있수과해그것보제스만들주부적으여게상거요니습"
    "면까안장오원구야진말없세모좋영화너무최비재매우합했었됩네선고같예별추천감품배송음식맛편연기말못더많잘때히"
    "점분용신금물제문조직간방불생동성교당행경관계발"
)
_CENTRAL: Final = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰöüÖÜăâîşţ„”“’–—…\u00a0"
_HEBREW: Final = "".join(map(chr, range(0x05D0, 0x05EB))) + "’‘“”„«»–—…₪\u00a0"
LEGACY_ENCODINGS: Final = {
    "windows-1252": _WESTERN,
    "macintosh": _WESTERN,
    "ibm850": _WESTERN,
    "windows-1250": _CENTRAL,
    "iso-8859-2": _CENTRAL,
    "windows-1254": "çğıöşüÇĞİÖŞÜâîû’‘“”–—…\u00a0",
    "windows-1255": _HEBREW,
    "windows-1251": _CYRILLIC,
    "koi8-r": _CYRILLIC,
    "ibm866": _CYRILLIC,
    "windows-1256": "".join(map(chr, range(0x0621, 0x064B))) + "،؛؟“”«»–—…\u00a0",
    "windows-1253": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏ«»–—…“”’\u00a0",
    "shift_jis": _KANA,
    "euc-jp": _KANA,
    "gb18030": _SIMPLIFIED,
    "big5": _TRADITIONAL,
    "euc-kr": _HANGUL,
    "windows-1257": "ąčęėįšųūžāēģīķļņõäöüéĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅÕÄÖÜ„”“’–…\u00a0",
    "iso-8859-5": _CYRILLIC,
    "ibm852": _CENTRAL,
    "ibm862": _HEBREW,
    "windows-874": "".join(map(chr, [*range(0x0E01, 0x0E3A), *range(0x0E40, 0x0E4E)])) + "“”‘’–…\u00a0",
}

#: Letters that end words, and stand before no other: what tells Hebrew from Cyrillic, whose bytes are the same.
FINAL_LETTERS: Final = "ךםןףץς"
#: Marks that stand above and below letters, behind one in a text: what tells Thai from Chinese.
THAI_MARKS: Final = "ัิีึืฺุู็่้๊๋์"
