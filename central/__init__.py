"""What listens to the broker: collector, database, staff alerts, dashboard."""
