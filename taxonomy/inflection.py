"""The forms a word of the knowledge base can take in a text.

Analysing a stranger's word ("pricing" -> "price"?) is guesswork; inflecting a known word ("price" -> "prices, priced,
pricing") is a short set of rules with a list of exceptions. So phrases are lemma-aware by generation: the forms are
made once, when the knowledge is compiled, and a text is matched by plain look-up. Forms that do not exist
("informationed") do no harm. Rules after Huddleston and Pullum, The Cambridge Grammar of the English Language (2002),
chapters 3 and 18.
"""

_VOWELS = frozenset("aeiou")

# Words of the closed classes do not inflect, and inflecting them would make other words of them ("us" -> "used").
_CLOSED = frozenset(
    """
    a about above after again all also am an and any are as at be been before below between both but by can could
    did does each every few for from had has he her hers him his how i if in into is it its just like many may me
    might more most much must my never no nobody none nor not of off on once only or other our out over per shall
    she should so some such than that the their them then there these they this those though to too under until up
    us very was we were what when where whether which while who whom whose why will with within without would you
    your yes
    """.split()
)

# Verbs whose regular past is another word ("see" -> "seed").
_NO_REGULAR_PAST = frozenset({"see", "be", "let", "fee"})

# word:irregular forms
_IRREGULAR = """
    analysis:analyses, basis:bases, be:is/are/was/were/am/been/being, become:became, begin:began/begun/beginning,
    break:broke/broken, bring:brought, build:built, buy:bought, catch:caught, child:children, choose:chose/chosen,
    come:came, crisis:crises, cut:cutting, die:died/dying, do:does/did/done, draw:drew/drawn, drive:drove/driven,
    eat:ate/eaten, fall:fell/fallen, feel:felt, find:found, fly:flew/flown/flies, foot:feet,
    forget:forgot/forgotten, get:got/gotten/getting, give:gave/given, go:goes/went/gone, good:better/best,
    grow:grew/grown, half:halves, have:has/had/having, hear:heard, hold:held, index:indices/indexes, keep:kept,
    know:knew/known, lead:led, leaf:leaves, learn:learnt, leave:left, life:lives, lose:lost, make:made, man:men,
    matrix:matrices, mean:meant, meet:met, mouse:mice, pay:paid, person:people/persons, put:putting, quiz:quizzes,
    ride:rode/ridden, rise:rose/risen, run:ran/running, say:said, see:saw/seen, sell:sold, send:sent, set:setting,
    shelf:shelves, show:shown, sit:sat/sitting, speak:spoke/spoken, spend:spent, stand:stood, steal:stole/stolen,
    swim:swam/swum/swimming, take:took/taken, teach:taught, tell:told, think:thought, throw:threw/thrown,
    tooth:teeth, understand:understood, vertex:vertices, wear:wore/worn, win:won/winning, wife:wives, woman:women,
    write:wrote/written
"""
_IRREGULAR_FORMS = {
    word: forms.split("/") for word, forms in (entry.split(":") for entry in _IRREGULAR.replace(",", " ").split())
}

# American ending/British ending
_SPELLINGS = """
    ize/ise yze/yse ization/isation color/colour favor/favour behavior/behaviour labor/labour neighbor/neighbour
    center/centre meter/metre liter/litre catalog/catalogue program/programme defense/defence license/licence
    gray/grey check/cheque tumor/tumour fulfill/fulfil
"""
_SPELLING_PAIRS = [tuple(pair.split("/")) for pair in _SPELLINGS.split()]


def _ends_consonant_vowel_consonant(word: str) -> bool:
    return len(word) > 2 and word[-1] not in _VOWELS | set("wxy") and word[-2] in _VOWELS and word[-3] not in _VOWELS


def _regular(word: str) -> set[str]:
    """Plural or third person, past and -ing, by the rules of spelling."""
    if word.endswith("y") and len(word) > 2 and word[-2] not in _VOWELS:
        return {word[:-1] + "ies", word[:-1] + "ied", word + "ing"}
    if word.endswith("ie"):
        return {word + "s", word + "d", word[:-2] + "ying"}
    if word.endswith("e"):
        return {word + "s", word + "d", word + "ing" if word.endswith("ee") else word[:-1] + "ing"}
    forms = {word + "ed", word + "ing", word + ("es" if word.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")}
    if word.endswith("o"):
        forms.add(word + "s")
    if _ends_consonant_vowel_consonant(word):  # "tag" -> "tagged", "label" -> "labelled" and "labeled"
        forms |= {word + word[-1] + "ed", word + word[-1] + "ing"}
    return forms


def forms(word: str) -> frozenset[str]:
    """Every form of `word` that a text may hold: itself, inflected, in British and American spelling.

    >>> sorted(forms("classify"))
    ['classified', 'classifies', 'classify', 'classifying']
    >>> "labelled" in forms("label") and "bought" in forms("buy") and "prioritising" in forms("prioritize")
    True
    """
    spellings = {word}
    for american, british in _SPELLING_PAIRS:
        if word.endswith(american):
            spellings.add(word.removesuffix(american) + british)
        elif word.endswith(british):
            spellings.add(word.removesuffix(british) + american)
    found = set(spellings)
    if word in _CLOSED or not word.isalpha() or len(word) < 2:
        return frozenset(found)
    for spelling in spellings:
        found |= _regular(spelling)
    if word in _NO_REGULAR_PAST:
        found.discard(word + "d")
    found.update(_IRREGULAR_FORMS.get(word, ()))
    return frozenset(found)
