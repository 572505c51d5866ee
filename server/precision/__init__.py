"""How precise the rules are: precision, recall and threshold suggestions from operators' verdicts."""
