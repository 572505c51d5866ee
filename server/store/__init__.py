"""Rows in the database and the only SQL there is. No FastAPI here."""
