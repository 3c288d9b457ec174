"""One watched test: what is switched on for it, and what becomes of its findings; re-exports nothing."""
