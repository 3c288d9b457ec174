"""The conformance suite of `contract`: programs to run a handler through, and checks of what it did."""
