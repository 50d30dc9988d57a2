"""See docs/explanation/design.md."""
