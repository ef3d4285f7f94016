"""Who may do what: tokens, the guard before every request, the audit log."""
