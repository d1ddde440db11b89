"""What we say: from a description, and perhaps a table, to a framing and a starter project.

Context. People describe problems in their own words; a framing must be a statement that they can check, and the same
on every door: Python, terminal, REST, page.

Decision. One module is one arrow, from frozen data to frozen data:

    description -> evidence -> posterior -> framing (card, alternatives, questions) -> starter

Evidence adds up in log-odds, and the explanation is that sum, in the user's own words. The doors (cli.py, service/)
are thin skins over api.py; an error knows its own status and exit code (errors.py).

Consequences. Where the rules are sure, framing a text needs the standard library alone and starts in milliseconds;
where they are not, a small sentence encoder is loaded (ONNX Runtime, tokenizers and numpy; a third of a second, once).
Whatever is heavy (tables, training, the web) is imported by the function that needs it. Every number in an answer can
be traced to a rule, a clause or a worked case, and to words of the user.

Alternatives. One classifier over the whole text (no reasons, no way to correct it), a conversation with a language
model (not deterministic, not offline, no figures), a decision tree of questions (nobody reads their problem into
twenty questions).

>>> import advisor
>>> advisor.frame("How many hours will this surgery take?").category
'regression'
"""

from advisor.api import frame, frame_many, profile, taxonomy
from advisor.errors import AdvisorError
from advisor.framing import Framing

__all__ = ["AdvisorError", "Framing", "frame", "frame_many", "profile", "taxonomy"]
__version__ = "0.1.0"
