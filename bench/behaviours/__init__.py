"""One module for each behaviour that `bench.eval_behaviours` scores."""
