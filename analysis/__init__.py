"""The instrument between the stages: embeds, measures and draws what encoders have learned."""
