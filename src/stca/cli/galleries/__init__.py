"""Commands about galleries: add and list, search and calibrate, link, correct."""
