"""The column reader of the advisor: how it is made, from a pretrained encoder and worked tables.

Context. Names, places and values of columns tell much about which one is wanted, but not that `exit_reason` follows
from `lapsed`, nor that "who will let it lapse" asks for `churn_fl`. That takes a model of meaning that reads both.

Decision. The layers of the sentence encoder (`models/sentence_encoder`), started from the same parent, read the
description and behind it every column. A column's vector is the mean over its tokens; one linear head gives it three
logits (asked for, known too late, a mere key), and the mean of all tokens gives the task, and whether no column is
asked for. All are trained at once, so that what helps one helps the others (Caruana, 1997, Multitask Learning).
`network` and `training` stand here, `export` writes the file that `advisor/column_reader.py` runs.

Consequences. One pass for a whole table, in which the columns see each other. Its logits enter fitted weights beside
the other traits (`advisor/profiling/weights.json`), so that it is one voice, and no more.

Alternatives. A pass for each column (ten times as slow, and columns do not see each other), similarity of separate
vectors (measured: no better than the words of the names), heads on the frozen sentence encoder (it never saw a column).
"""
