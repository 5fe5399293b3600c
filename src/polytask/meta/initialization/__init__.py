"""meta/initialization"""
