"""On-shelf availability and what goes with it; docs/metrics.md defines every figure.

What nodes tell becomes claims (`recording`), claims of a slot become its intervals
(`intervals`), and from intervals follow hours (`hours`) and stock-outs (`stock_outs`). These are
pure; `roller` keeps the tables up to date with them, `reading` asks the tables, `feeds` publishes.
"""
