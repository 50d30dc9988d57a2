"""The site where those who are asked learn who asks and why, see what is held on them, and opt out.

It keeps no cookie and sets no script. Who somebody is, is the address they come from; what they say about others
needs proof (`proofs`). What they asked for is kept in a database (`store`) and lands in an exclusion file
(`opt_out_file`), which a running scan reads again every second.
"""
