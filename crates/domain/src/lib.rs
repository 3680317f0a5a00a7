//! Words and decisions of Vestibule: values in, values out.
