"""What handlers get from a fake model: plainly, or in the shapes of a provider."""
