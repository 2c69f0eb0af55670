// A shared object that is no engine module.
extern "C" int rollout_something_else() { return 1; }
