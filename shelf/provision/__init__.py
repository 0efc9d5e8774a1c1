"""Certificates for brokers, nodes and other clients, from a certificate authority of one's own."""
