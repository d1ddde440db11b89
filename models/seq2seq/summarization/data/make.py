"""Writes reports.parquet: 600 invented reports on buildings, each with a title and a summary. Run `python make.py`.

A report has two to four statements that its summary tells in other words, but for one now and then (what is wrong, why,
what it costs, what was decided), and sentences that it does not tell: the visit, what was in order, a smaller matter,
earlier years, thanks. Where the statements stand depends on how the report is built, of which there are four ways.
"""

import random
from pathlib import Path

import polars as pl

REPORTS, SEED = 600, 4
FORGOTTEN = 0.25  # share of summaries that leave the last statement out, as people do

PLACES = """Elm Road, Harbour Street, Mill Lane, the old town hall, Station Square, the north depot, Quay House,
Park View, the swimming hall, Chapel Hill, the central library, Weir Street, Orchard School, the east ward, Dock Row,
the bus garage, Linden Court, the fire station, Market Place, the sports ground"""
THINGS = """boiler, flat roof, goods lift, water pump, main gate, fire alarm, cold store, ventilation plant, footbridge,
emergency generator, cellar drain, outer wall, kitchen floor, switch room, oil tank, stair rail, skylight,
sewage pit, loading ramp, heating pipe"""
FAULTS = {  # in the report: in the summary
    "water had come through the seal of the {thing}": "the {thing} leaks at its seal",
    "the {thing} carried cracks as wide as a finger": "the {thing} has wide cracks",
    "the {thing} stopped three times without warning": "the {thing} stops without warning",
    "rust had eaten through the supports of the {thing}": "the supports of the {thing} are rusted through",
    "the {thing} drew twice the current that it should": "the {thing} draws twice the right current",
    "parts of the {thing} were loose and could fall": "loose parts of the {thing} could fall",
    "the {thing} no longer met the rules on fire": "the {thing} breaks the rules on fire",
    "mould had spread behind the {thing}": "there is mould behind the {thing}",
}
OPENINGS = ("On opening it up the surveyor saw that {}", "During the second test {}", "It turned out that {}", "{}")
CAUSES = {
    "frost had split a joint that nobody had drained in autumn": "frost in a joint that was not drained",
    "the contractor had left out the layer against damp": "a layer against damp that was left out",
    "the bearings had not been greased since the takeover": "bearings that were not greased",
    "a lorry had struck the frame and nobody had said so": "a lorry that struck the frame",
    "the cable had been laid beside the hot main": "a cable laid beside the hot main",
    "the wrong bolts had been used in the last repair": "wrong bolts in the last repair",
}
WHY = ("This goes back to the fact that {}.", "As far as could be seen, {}.", "The reason is plain: {}.")
COSTS = (
    "Two firms were asked, and the cheaper wants {cost} euros for the work.",
    "The work is put at {cost} euros without tax.",
    "Repairs of this kind come to {cost} euros.",
)
DECISIONS = {
    "The {thing} is to be replaced before the end of {month}.": "It will be replaced by the end of {month}.",
    "Nobody may use the {thing} until it has been repaired in {month}.": "It is closed until its repair in {month}.",
    "The council is asked to release the money for the {thing} by {month}.": (
        "The council must release money by {month}."
    ),
    "A new firm will take the {thing} over in {month}.": "A new firm takes over in {month}.",
}
ARRIVAL = (
    "The visit took place on a {weather} morning in {month}.",
    "The caretaker opened the building at {hour} and stayed throughout.",
    "Present were the surveyor, the caretaker and a member of the council.",
    "The group met at the entrance of {place} at {hour}.",
)
SIDE = (
    "The {other} was tested as well and was found in order.",
    "The {other} had been replaced in {year} and needs nothing.",
    "No leak and no crack was seen at the {other}.",
    "The {thing} was put in in {year} by a local firm.",
    "The last report on the {thing} dates from {year}.",
    "In {year} the upkeep of {place} came to {small} euros.",
    "Photographs of the {thing} and of the {other} are kept in the file.",
    "A bulb beside the {other} was out and was changed on the spot.",
    "The paint of the {other} has faded, which is a smaller matter and can wait until {later}.",
    "Some visitors had complained about the {other}, but the surveyor found no reason for it.",
    "The contract for cleaning runs until {later} and was not looked at.",
    "Dust on the {other} was wiped off for {small} euros at the last visit.",
)
CLOSING = (
    "The next visit is planned for {later}.",
    "Thanks go to the caretaker for the patience shown.",
    "A copy of this report goes to the office at {place}.",
    "The minutes of the visit were read and agreed.",
)
TITLES = ("Report on the {thing} at {place}", "Visit to {place}", "State of the buildings: {place}", "The {thing}")
MONTHS = "January February March April May June July August September October November December".split()


def listed(text: str) -> list[str]:
    """Returns the names of a list."""
    return [" ".join(name.split()) for name in text.split(",")]


def started(text: str) -> str:
    """Returns a sentence with a large first letter."""
    return text[0].upper() + text[1:]


def report(draw: random.Random) -> dict[str, str]:
    """Returns the title, the text and the summary of one report."""
    thing, other = draw.sample(listed(THINGS), 2)
    words = {
        "thing": thing, "other": other, "place": draw.choice(listed(PLACES)), "month": draw.choice(MONTHS),
        "later": draw.choice(MONTHS), "year": str(draw.randint(1975, 2022)), "hour": f"{draw.randint(7, 11)} o'clock",
        "weather": draw.choice(("wet", "cold", "bright", "windy")), "small": f"{draw.randint(2, 95) * 10}",
        "cost": f"{draw.randint(3, 180) * 500:,}",
    }  # fmt: skip
    fault, cause, decision = (draw.choice(list(each)) for each in (FAULTS, CAUSES, DECISIONS))
    told = {
        "fault": started(draw.choice(OPENINGS).format(fault)) + ".",
        "cause": draw.choice(WHY).format(cause),
        "cost": draw.choice(COSTS),
        "decision": decision,
    }
    short = {
        "fault": started(FAULTS[fault]),
        "cause": f"The cause is {CAUSES[cause]}.",
        "cost": "It costs {cost} euros.",
    }
    short |= {"decision": DECISIONS[decision]}
    found = ["fault", *sorted(draw.sample(["cause", "cost", "decision"], draw.choice((1, 2, 2, 3))))]
    keys = [told[name] for name in found]
    kept = found[:-1] if draw.random() < FORGOTTEN else found
    sides = draw.sample(SIDE, draw.randint(4, 7))
    start, end = draw.sample(ARRIVAL, draw.randint(1, 3)), draw.sample(CLOSING, draw.randint(1, 2))
    built = draw.choice(("first", "last", "middle", "scattered"))
    if built == "first":
        order = keys + start + sides + end
    elif built == "last":
        order = start + sides + keys
    elif built == "middle":
        half = len(sides) // 2
        order = start + sides[:half] + keys + sides[half:] + end
    else:
        order = list(sides)
        places = sorted(draw.sample(range(len(sides) + 1), len(keys)), reverse=True)
        for place, key in zip(places, reversed(keys), strict=True):
            order.insert(place, key)
        order = start + order + end
    summary = " ".join(f"{short[name].rstrip('.')}." for name in kept)
    return {
        "title": started(draw.choice(TITLES).format(**words)),
        "text": " ".join(started(sentence.format(**words)) for sentence in order),
        "summary": summary.format(**words),
    }


if __name__ == "__main__":
    generator = random.Random(SEED)
    table = pl.DataFrame([report(generator) for _ in range(REPORTS)])
    table.write_parquet(Path(__file__).with_name("reports.parquet"), compression="zstd", compression_level=19)
