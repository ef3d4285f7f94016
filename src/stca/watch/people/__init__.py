"""Who is who while they walk: embedding, deciding, revising, alerting."""
