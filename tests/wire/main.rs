//! The promises on the wire: the client against servers as they are, the agent against clients as they come.
