"""The workshop of the shipped model: lexicon in, text out, model out, figures out. See ../README.md for the way through."""
