"""Proof that no machine learning is needed: a rule that gives the target, found in the table and verified.

Context. Many a table that is brought to machine learning follows a rule: a price list, a limit, a formula, a check
digit. A model would learn it almost, dearly, and be wrong on a Monday.

Decision. A ladder of searches, from look-ups to shallow trees, on a part of the rows; what is found is held to the rows
that the search has not seen. A rule counts when what it spares there, in bits, could not be luck. The rule is plain
data (`models.kit.rules`), shown as Python, SQL and tests.

Consequences. A leaked column looks exactly like a rule. So an exact fit always asks one question: are its columns known
in time? "No" turns the verdict into leakage.

Alternatives. Symbolic regression by genetic programming (minutes, another answer each time); a deep tree or a model
with a perfect score (nobody can read it, and it is no proof).
"""

from advisor.proof.search import Proof, prove

__all__ = ["Proof", "prove"]
