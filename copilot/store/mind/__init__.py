"""What the background keeps: memory of customers, summaries of calls, deliveries of webhooks."""
