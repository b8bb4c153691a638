"""Here so that the helpers in this folder can be imported from the folders below."""
