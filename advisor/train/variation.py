"""What must not change an answer, done to the texts while the encoder learns: courtesies, asides, slips of the pen.

Each pass over the cases sees other variations, so that the encoder learns to read past them (Ribeiro et al., 2020,
Beyond Accuracy: Behavioral Testing of NLP Models with CheckList, the invariance tests). The sentences with which
tests/benchmarks/framing.py measures the effect are none of these.
"""

import random
from functools import cache
from pathlib import Path

OPENED = 0.4  # share of the texts that get a sentence before them
TWICE = 0.25  # share of those that get a second one
CLOSED = 0.3  # share of the texts that get one behind them
SLIPPED = 0.4  # that get slips
MOST_SLIPS = 2
SHORTEST_SLIP = 5  # letters of a word that can hold one

ASIDES = Path(__file__).with_name("asides.txt")  # sentences that anybody might say, and that say nothing
GREETINGS = """\
Hi all.
Hi there, quick one.
Good morning from Leeds.
Dear team,
Dear Sir or Madam,
Hello everybody, first post here.
Not sure whom to ask, so I ask here.
My colleague told me about this page.
Sorry if this has come up before.
I have been thinking about this for weeks.
OK so here goes.
Bit of background first.
I am not a technical person at all.
We are a team of six.
It is my second month in the job.
Our director wants an answer by Friday.
Greetings from rainy Bergen.
I hope you can help.
Somebody at a conference said you might know.
This came up in Monday's meeting.
Please bear with me, English is my third language.
I was asked to look into this.
Budget is small but not nothing.
Let me try to explain.
To whom it may concern.
Question from a beginner.
Following up on my call of yesterday.
We have talked about it at lunch again.
I typed this on my phone.
Excuse the long sentences.
For context, we are a family business.
Our IT man is on holiday.
So, picture this.
Here is what is on my mind.
A friend of mine works in the field and sent me to you.
I run this place together with my sister.
Nobody here has done anything like it.
It has been a long day, so I will be short.
Right, straight to the point.
Short version of a long story:
The board has put this on my list.
I found you through a newsletter.""".splitlines()

BEHIND = """\
Thanks!
Thank you very much.
Cheers, Tom
Kind regards
Best wishes from the whole office.
Any help is welcome.
I would be grateful for a reply.
Thanks for reading.
Please advise.
Looking forward to your answer.
Ta.
Much appreciated.
Let me know if anything is unclear.
No hurry.
It is rather urgent, I am afraid.
Hope that makes sense.
That is all.
Happy to tell you more on the phone.
Thank you and have a nice weekend.
Sent from my phone
Yours sincerely, A. Novak
Is that something you do?
Would be great.
Hope to hear from you soon.
God bless.
Sorry for the long message.
I can come by with the papers if that helps.
You would do us a big favour.""".splitlines()

SPELLINGS = [
    pair.split("/")
    for pair in """\
recognise/recognize organise/organize categorise/categorize summarise/summarize prioritise/prioritize
optimise/optimize labelled/labeled travelling/traveling neighbour/neighbor behaviour/behavior flavour/flavor
harbour/harbor litre/liter theatre/theater cheque/check tyre/tire grey/gray defence/defense odour/odor
honour/honor fibre/fiber jewellery/jewelry mould/mold plough/plow rumour/rumor storey/story""".split()
]


def vary(text: str, draw: random.Random) -> str:
    """`text` as it might as well have been typed.

    >>> vary("Which of these reviews are fake?", random.Random(3)) != vary("Which reviews?", random.Random(4))
    True
    """
    if draw.random() < SLIPPED:
        for _ in range(draw.randint(1, MOST_SLIPS)):
            text = slip(text, draw)
    for pair in SPELLINGS:
        if draw.random() < 0.5:
            british, american = pair
            text = text.replace(british, american) if british in text else text.replace(american, british)
    if draw.random() < OPENED:
        text = f"{draw.choice(_before())} {text}"
        if draw.random() < TWICE:
            text = f"{draw.choice(GREETINGS)} {text}"
    if draw.random() < CLOSED:
        text = f"{text} {draw.choice(BEHIND)}"
    return text


@cache
def _before() -> list[str]:
    """Half of the draws greet or explain themselves, half tell something that does not matter."""
    asides = ASIDES.read_text(encoding="utf-8").splitlines()
    return GREETINGS * round(len(asides) / len(GREETINGS)) + asides


def slip(text: str, draw: random.Random) -> str:
    """`text` with one slip in one of its longer words: two letters swapped, one lost, one doubled, or a wrong one."""
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) >= SHORTEST_SLIP and word.isalpha()]
    if not long:
        return text
    place = draw.choice(long)
    word = words[place]
    at = draw.randrange(1, len(word) - 1)
    words[place] = draw.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + draw.choice("aeioursnt") + word[at + 1 :],
        )
    )
    return " ".join(words)
