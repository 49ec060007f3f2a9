"""Work on whole regions: seeding them, and exporting them to one file."""
