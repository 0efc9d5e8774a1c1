"""One view over all stores, for regional managers: from a region down to one slot.

`filters` reads what is asked for from the URL, `report` asks the sums by day, `tables` and
`charts` arrange what was found, `slot` tells the life of one slot, `pages` answers.
"""
