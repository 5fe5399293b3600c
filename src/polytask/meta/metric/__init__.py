"""meta/metric"""
