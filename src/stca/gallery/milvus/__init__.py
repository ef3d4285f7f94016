"""A gallery on Milvus: a server for many machines, or Milvus Lite in a file.

Three collections would hold what one SQLite file holds; two do. `NAME_FINGERPRINT` has the rows, one per
tracklet; `NAME` has the log: metadata, corrections by people, what was forgotten, who is writing. Milvus
knows no transaction over several rows, so writers take turns (`lock`), and a change of several rows is
written down before it is made (`log`, entries `pending`), so that whoever writes next finishes it.
"""
