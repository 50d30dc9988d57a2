"""All that is asked in one run, from several vantages: machines that ask, and one that holds the study.

The machine that holds the study is the office. It cuts the population into pieces of whole /24s and /48s (`pieces`),
with what is known of their addresses (`known`), and gives each to one vantage at a time. For the vantage a piece is a
study like any other, in a directory of its own, with a run that can be taken up where it stopped (`asking`,
`stages`). What it writes there is copied to the office every second (`mirror`), so that when a vantage dies another
one takes the piece up as one machine takes up a run after a crash. Pieces that are done are put into the dataset
(`gathering`).

Nobody asks without a lease (`leases`): the vantage renews it every second and is told its share of the rate and of
the open connections; one that cannot renew stops before the office gives its share and its piece to others. Together
with the renewal come the opt-outs (`opt_outs`).

All of this is plain Python and knows nothing of the network between the machines. That is Dask distributed's part
(`cluster`): who is there, which vantage gets which piece, and how messages come from one to the other.
"""
