"""Datasets that an earlier mailcensus wrote: read as they are, and upgraded to what is written now.

Every part says in its footer by which version of the dataset it was written (`version`). A reader shows an older part
in the shape of today, with nulls where it knew less (`shape`); a writer refuses it, since one table must not have two
shapes; `mailcensus upgrade` writes such parts anew, and fills in what the bytes kept beside them tell (`upgrade`).
"""
