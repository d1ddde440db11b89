"""`python -m advisor.train`: from the worked cases to everything that is fitted, in one command.

Context. Weights of rules, the sentence encoder and the numbers that put them together must come from the same cases,
be made again by anyone, and be judged on texts that nobody fitted.

Decision. Whole batches of cases, each by another hand, are held out (`cases`). On the rest the rules' weights are
fitted with their words as the prior (`rules`) and the encoder is trained (`models.sentence_encoder`); on the held-out
batches the scales that add them up are fitted and every figure is taken (`reckoning`). Single words get weights of
their own (`wording`), which the advisor asks beside the rules. Then the encoder goes on for one gentle pass over every
case, the weights of rules and words are fitted to every case, and all is written: `taxonomy/weights.json`,
`advisor/wording.json`, `advisor/encoder.onnx` and `advisor/ENCODER_CARD.md`.

Consequences. The shipped encoder has seen the held-out batches, so the figures in its card are those of its twin, from
before that pass. The public exams are never opened here.

Alternatives. A random split of the cases (a hand that is on both sides flatters), scales fitted on the training cases
(the encoder knows them by heart and would drown the rules).
"""
