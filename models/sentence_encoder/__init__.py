"""The sentence encoder of the advisor: how it is made, from a pretrained one and the worked cases.

Context. No list of words understands "put these into piles that look alike". A small pretrained transformer does, once
it has seen some thousand descriptions, and it can run in milliseconds on one core.

Decision. Four steps, a module each: the pretrained encoder's vocabulary, cut to what descriptions use (`vocabulary`);
the network on our own tensor core (`network`); fine-tuning with soft labels (`training`); and one ONNX file with
weights of eight bits, the tokenizer and the cases inside (`export`). What runs in a program that frames a text is that
file and nothing of this package: `advisor/encoder.py`.

Consequences. Each category's logit is a mean over the tokens of the text plus a constant, so it can be split exactly
into what each clause of the user's words adds. No torch, and no code of ours for attention, at run time.

Alternatives. A first-token head (cannot be split over the words), a larger encoder (more than 10 ms on one core), word
vectors (cannot tell "not a number, only who" from "a number, not only who").
"""
