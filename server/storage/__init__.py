"""The disk under the server: whose folder it is, whether its database is still there, and how much room is left."""
