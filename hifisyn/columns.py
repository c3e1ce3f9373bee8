"""The columns that tables of cases share, from evaluation to the report; what only one table has is declared there.

The unit of a test is the column that names its rows: `SUBJECT` or `SLICE`.
"""

SUBJECT = "subject"  # whose scans they are; a subject may have several cases
CASE = "case"  # one session: the scans of a subject that belong together
SITE = "site"  # where a subject was scanned
SLICE = "slice"  # the number of an axial slice, in its case
DIRECTION = "direction"  # a `hifisyn.directions.Direction` as text: "T1 to T2"
METHOD = "method"  # the trained method or the baseline, within one model or experiment
MODEL = "model"  # the label of a model, or a baseline, where several models stand side by side
