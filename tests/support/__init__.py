"""What tests share: clients, fake and real servers."""
