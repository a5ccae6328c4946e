//! A sound component that exports nothing a host of functions could call.
wit_bindgen::generate!({
    inline: "
        package guests:other@1.0.0;
        interface greeter { greet: func(name: string) -> string; }
        world other { export greeter; }
    ",
});

use exports::guests::other::greeter::Guest;

struct Other;

impl Guest for Other {
    fn greet(name: String) -> String {
        format!("hello {name}")
    }
}

export!(Other);
