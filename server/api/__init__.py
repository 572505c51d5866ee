"""The HTTP surface: routes, what they take and what they give. No SQL here."""
