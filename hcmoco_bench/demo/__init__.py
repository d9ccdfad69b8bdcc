"""The whole way on generated people, for somebody who has just cloned the project."""
