"""What the plugin costs, measured against LangChain's own means in one run: `python -m benchmarks`."""
