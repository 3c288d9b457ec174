"""What LangChain talks to: the recording handler, the observer and the spy."""
