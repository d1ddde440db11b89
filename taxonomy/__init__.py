"""What is known: nine kinds of task, each a folder of checked data.

Context. Whoever knows a field should be able to correct the advisor without reading its code, and a wrong sentence
must be found before it reaches a user.

Decision. Knowledge is data: a category is a folder, its id is the folder's name, and all the folders look alike
(category.yaml, rules.yaml, questions.yaml, pitfalls.yaml, cases.yaml). What several categories share stands beside
the folders: lexicon.yaml, negation.yaml, questions.yaml, pitfalls.yaml; slots.yaml (what every framing must settle),
reframes.yaml (wordings that speak for another task), gates.yaml (is it machine learning at all?), pipelines.yaml
(compound problems), landmarks.yaml (problems that the field knows by name), crosswalk.yaml and vocabularies.yaml (what
a task is called elsewhere). The records are described once, as
NamedTuples in schema.py; sources.py reads the YAML, checks it and says file:line for every mistake; knowledge.py
compiles everything into one JSON index, which is all that a running program loads.

Consequences. Adding a category adds a folder and changes no other. Every rule carries its own examples, and each of
them is a test. The index is made when the package is built, and again in a checkout whenever a YAML file is newer
than it, so an edit shows at once. Framing a text reads no YAML and imports no library outside the standard one.

Alternatives. Rules as Python (nobody but programmers could review them), regular expressions (not lemma-aware,
exponential on hostile texts, unreadable by domain experts), a database (no diffs, no review).
"""
