/**
 * The numbers and names that reading a file goes by. `bulk/records/rules.py` holds the same; a test compares them.
 * What they are for stands in `tests/files/README.md`.
 */

/** Bytes from which encoding, format, delimiter, quotes, header and text column are decided. */
export const WINDOW_BYTES = 256 * 1024;
/** A longer row is no row: the file has no line ends, or a quote that never closes. */
export const MAX_ROW_CHARS = 16 * 1024 * 1024;
/** A JSON document other than an array of rows is read whole. */
export const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

/** In the order in which equally good ones are taken. */
export const DELIMITERS = ["\t", ";", "|", ",", "^", "~", "\x01"];
/** Those that split only below what surely is a header: texts hold them too. */
export const RARE_DELIMITERS = ["^", "~"];
/** Those that split only where none of the others does, below what surely is a header, into even rows. */
export const LAST_DELIMITERS = ["¦", "¬", "§", ":", " "];
/** Of a table with one column: quotes count, and no character that texts hold splits them. */
export const ONE_COLUMN = "\x1f";
/** Share of the rows that must have the first one's width before a character is taken for a delimiter. */
export const LEAST_FIT = 0.4;

/** Share of the rows, lines or cells that must be so before the table is taken to be so, in spite of the others. */
export const MOSTLY = 0.9;

/** What programs write where nothing was. Compared in small letters. */
export const PLACEHOLDERS = new Set([
  "#div/0!", "#n/a", "#n/a n/a", "#na", "#name?", "#null!", "#num!", "#ref!", "#value!", "(null)", "-", "--", "---",
  "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "\\n", "n/a", "na", "nan", "nat", "nil", "none",
  "null", "undefined", "–", "—",
  "#error!", "#spill!", "#calc!", "#field!", "#blocked!", "#unknown!", "#connect!", "#busy!", "#getting_data", "#nv",
  "#wert!", "#bezug!", "#zahl!", "#überlauf!", "#valeur!", "#nom?", "#nombre!", "#¡valor!", "#¡ref!", "#¿nombre?",
  "#¡num!", "#¡div/0!", "#¡nulo!", "#n/d", "#valore!", "#rif!", "#nome?", "#valor!", "#núm!", "#число!", "#знач!",
  "#ссылка!", "#имя?", "#дел/0!", "#н/д", "#arg!", "#adr!", "#nazwa?", "#liczba!", "n.a.", "k.a.", "(blank)",
  "(empty)", "(none)", "<null>", "[null]", "[deleted]", "[removed]",
]);

/** Words in the names of columns with texts, and of columns that hold words without being the text. */
export const TEXT_NAMES = new Set([
  "answer", "answers", "body", "caption", "comment", "comments", "content", "document", "feedback", "headline", "message",
  "messages", "opinion", "opinions", "originaltweet", "phrase", "post", "remark", "remarks", "response", "responses", "review", "reviews",
  "reviewtext", "sentence", "sentences", "statement", "text", "texts", "tweet", "tweets", "utterance", "verbatim", "verbatims",
]);
export const OTHER_NAMES = new Set([
  "address", "age", "at", "author", "category", "city", "class", "code", "country", "created", "date", "device",
  "email", "gender", "group", "id", "index", "key", "label", "labels", "lang", "language", "link", "location",
  "name", "number", "product", "rating", "reply", "reviewer", "score", "sentiment", "source", "stars", "state",
  "subject", "target", "time", "timestamp", "title", "topic", "type", "url", "user", "username", "version",
]);

/** Of TEXT_NAMES, those that stand above a text as often as for one: no reason to prefer their column. */
export const WEAK_TEXT_NAMES = new Set(["caption", "document", "headline", "post", "statement"]);
/** Words in the names of columns that weigh less: what the asked side says, and what else is written in words. */
export const ANSWERING_NAMES = new Set([
  "anbieter", "developer", "eigentümer", "händler", "inhaber", "internal", "management", "moderator", "owner",
  "propietario", "proprietario", "proprietário", "propriétaire", "replied", "replies", "reply", "seller", "staff",
  "vendedor", "vendeur", "vendor", "verkäufer", "владел", "продав", "オーナー", "商家", "回复", "回覆", "返信", "답글", "사장",
]);
export const ASIDE_NAMES = new Set([
  "brand", "description", "descriptions", "note", "notes",
]);
/** The same in other languages: how a word of the name begins or ends, short ones all of it, in scripts without blanks what it holds. */
export const TEXT_STEMS = new Set([
  "anmeldelse", "avaliaç", "avis", "beoordeling", "bewertung", "comentari", "commentaire", "commento", "critique",
  "değerlendirme", "komentar", "kommentar", "meinung", "nachricht", "omdöme", "opini", "opmerking", "recensie",
  "recension", "recenz", "reseña", "rezension", "rückmeldung", "tekst", "testo", "texte", "texto", "yorum",
  "відгук", "коментар", "комментари", "отзыв", "рецензи", "рецензі", "текст", "النص", "تعليق", "رأي", "مراجعة",
  "クチコミ", "コメント", "レビュー", "內容", "内容", "口コミ", "感想", "本文", "正文", "点评", "留言", "評價", "評論", "评价", "评论", "點評", "내용",
  "댓글", "리뷰", "본문", "의견", "후기",
]);
export const OTHER_STEMS = new Set([
  "adres", "adress", "adresse", "anmerkung", "auteur", "autor", "autore", "açıklama", "başlık", "beschreibung",
  "beskrivning", "ciudad", "datum", "descripción", "description", "descrizione", "descriç", "dirección",
  "endereço", "fecha", "hotel", "indirizzo", "kunde", "nombre", "notiz", "nutzer", "omschrijving", "opis",
  "prodotto", "producto", "produit", "produkt", "produto", "prénom", "stadt", "titel", "titolo", "titre", "titulo",
  "tytuł", "título", "usuario", "utilisateur", "ville", "ürün", "автор", "адрес", "город", "дата", "заголов",
  "имя", "назва", "назван", "опис", "описани", "пользовател", "продукт", "тема", "товар", "اسم", "المنتج", "تاريخ",
  "عنوان", "منتج", "وصف", "タイトル", "ユーザー", "产品", "件名", "住所", "作者", "名前", "品名", "商品", "地址", "店名", "日付", "日期", "标题",
  "標題", "氏名", "產品", "用戶", "用户", "製品", "날짜", "상품", "이름", "작성자", "제목", "제품", "주소",
]);
/** Of the others, those that say what a text is about, or whose it is: a product's review is one. */
export const ABOUT_STEMS = new Set([
  "customer", "guest", "hotel", "kunde", "prodotto", "product", "producto", "produit", "produkt", "produto",
  "user", "ürün", "продукт", "товар", "المنتج", "منتج", "产品", "商品", "產品", "製品", "상품", "제품",
]);

/** Encodings without a mark, each with the characters beyond ASCII that its texts are made of. */
const WESTERN = "éèêëàâäáãåæçíìîïñóòôöõøœúùûüßÉÈÊÀÁÂÄÅÆÇÍÑÓÔÖØÜŒÿ’‘“”„–—…«»°€£¡¿·•®™©§¦¬´\u00a0½²";
const CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯЁІЇЄ«»—–…“”„’№\u00a0";
/** @param {number} from @param {number} to */
const range = (from, to) => String.fromCharCode(...Array.from({ length: to - from }, (_, index) => from + index));
const KANA = range(0x3041, 0x3097) + range(0x30a1, 0x30fb) + "ー、。！？「」（）・～\u3000日本人大年一国中長出上生子分東三同今高金時手見月後前五間場社十的会行小自部者地方思事最良悪映画品買使感作";
const HAN =
  "的一是不在人有我他中上大和地到以要就出可也你生能而子那得下自之年作用道行所然家事成方多去法如都同面起看定天分好小部其些主理心她本前但因只想日者意力它把十民第公此已工使情明性知全三又正外高由很最重手向文政美相被利什二等或新己制身果加月回特代信表化老世位次度任常先通教原提立及比水名真各入口平活更打女四神何安少才反受目太感接必件期市直山金指至形空品差值用喜推。，！？、；：（）“”\u3000";
const SIMPLIFIED =
  HAN + "这个们来为国说时会过发后里经么学现当动还进样从实无与长机开关点业将两间问战头体见产话内门儿东声员论处义几认条系气题变总电数报结务场计资统区决马书则听达强难权设记类边张该规万觉术领确传师观让识带导争运荐买东质很棒错";
const TRADITIONAL =
  HAN + "這個們來為國說時會過發後裡經麼學現當動還進樣從實無與長機開關點業將兩間問戰頭體見產話內門兒東聲員論處義幾認條係氣題變總電數報結務場計資統區決馬書則聽達強難權設記類邊張該規萬覺術領確傳師觀讓識帶導爭運薦買質棒錯";
const HANGUL =
  "이다는에가을를의고하은로지도한기사서나시리어자아인정일대라전있수과해그것보제스만들주부적으여게상거요니습면까안장오원구야진말없세모좋영화너무최비재매우합했었됩네선고같예별추천감품배송음식맛편연기말못더많잘때히점분용신금물제문조직간방불생동성교당행경관계발";
const CENTRAL = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰöüÖÜăâîşţ„”“’–—…\u00a0";
const HEBREW = range(0x5d0, 0x5eb) + "’‘“”„«»–—…₪\u00a0";
/** @type {Record<string, string>} */
export const LEGACY_ENCODINGS = {
  "windows-1252": WESTERN,
  macintosh: WESTERN,
  ibm850: WESTERN,
  "windows-1250": CENTRAL,
  "iso-8859-2": CENTRAL,
  "windows-1254": "çğıöşüÇĞİÖŞÜâîû’‘“”–—…\u00a0",
  "windows-1255": HEBREW,
  "windows-1251": CYRILLIC,
  "koi8-r": CYRILLIC,
  ibm866: CYRILLIC,
  "windows-1256": range(0x621, 0x64b) + "،؛؟“”«»–—…\u00a0",
  "windows-1253": "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏ«»–—…“”’\u00a0",
  shift_jis: KANA,
  "euc-jp": KANA,
  gb18030: SIMPLIFIED,
  big5: TRADITIONAL,
  "euc-kr": HANGUL,
  "windows-1257": "ąčęėįšųūžāēģīķļņõäöüéĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅÕÄÖÜ„”“’–…\u00a0",
  "iso-8859-5": CYRILLIC,
  ibm852: CENTRAL,
  ibm862: HEBREW,
  "windows-874": range(0xe01, 0xe3a) + range(0xe40, 0xe4e) + "“”‘’–…\u00a0",
};

/** Letters that end words, and stand before no other: what tells Hebrew from Cyrillic, whose bytes are the same. */
export const FINAL_LETTERS = "ךםןףץς";
/** Marks that stand above and below letters, behind one in a text: what tells Thai from Chinese. */
export const THAI_MARKS = "ัิีึืฺุู็่้๊๋์";
