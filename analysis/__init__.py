"""The instrument between the stages: embeds, measures and draws what encoders have learned; reads photographs."""

from analysis.photographs import read_photographs

__all__ = ["read_photographs"]
