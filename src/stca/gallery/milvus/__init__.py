"""A gallery on Milvus: a server for many machines, or Milvus Lite in a file.

Two collections hold what the SQLite file of a folder holds. `NAME_FINGERPRINT` has the rows, one per
tracklet; `NAME` has the log: metadata, corrections by people, what was forgotten, who is writing. Milvus
knows no transaction over several rows, so writers take turns (`lock`), and a change of several rows is
written down before it is made (`log`, entries `pending`), so that whoever writes next finishes it.
"""
