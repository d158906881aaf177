"""Files of many kinds → rows, and rows → files, so that nothing is lost.

Begin with `table`: what a file is and how it is read. It puts together `containers` (compression, archives),
`encoding`, `dialect` and `cells` (tables), `json_rows` and `json_document`, `workbooks`, `columns` (which holds the
texts) and `rows`.
`writing` gives rows back with columns added, `output` puts a file in place at the very end, `labels` reads what people
call their labels. The rules are those of the page, and stand with their cases in `tests/files/`.
"""

from lightsleeper.bulk.records.labels import Reading, Record, Records, label_names, labelled, read_file

__all__ = ["Reading", "Record", "Records", "label_names", "labelled", "read_file"]
