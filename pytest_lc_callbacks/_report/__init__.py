"""What leaves a test run: JSON Lines, a page, a summary, what changed, spans. Whoever wants one imports it by file."""
