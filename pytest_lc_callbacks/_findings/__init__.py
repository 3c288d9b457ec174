"""What a test did not ask about but should know."""
