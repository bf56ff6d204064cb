"""The offline shell: judges call logs against labels and measures."""
