//! The icons: lines on a 16 × 16 grid in the colour of the text round them. Never the only sign of a meaning.

use yew::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Check,
    CheckCircle,
    Cross,
    CrossCircle,
    Warning,
    Note,
    Clock,
    Play,
    Stop,
    Refresh,
    Plus,
    Minus,
    Trash,
    Pencil,
    Up,
    Down,
    Right,
    Search,
    Columns,
    External,
    Folder,
    Copy,
    Shield,
    Link,
    File,
    Berg,
    History,
    Circle,
    Spark,
    Swap,
    Cloud,
    Computer,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Check => "M3.5 8.5l3 3 6-7",
            Icon::CheckCircle => "M8 14.25a6.25 6.25 0 1 0 0-12.5 6.25 6.25 0 0 0 0 12.5zM5.25 8.25l2 2 3.5-4",
            Icon::Cross => "M4 4l8 8M12 4l-8 8",
            Icon::CrossCircle => "M8 14.25a6.25 6.25 0 1 0 0-12.5 6.25 6.25 0 0 0 0 12.5zM6 6l4 4M10 6l-4 4",
            Icon::Warning => "M8 2.25l6.25 11.5H1.75zM8 6.5v3.25M8 11.6v.4",
            Icon::Note => "M8 14.25a6.25 6.25 0 1 0 0-12.5 6.25 6.25 0 0 0 0 12.5zM8 7.25v4M8 4.75v.4",
            Icon::Clock => "M8 14.25a6.25 6.25 0 1 0 0-12.5 6.25 6.25 0 0 0 0 12.5zM8 4.5V8l2.5 1.5",
            Icon::Play => "M5 3.25l7.5 4.75L5 12.75z",
            Icon::Stop => "M4 4h8v8H4z",
            Icon::Refresh => "M13 8a5 5 0 1 1-1.6-3.65M13 2.5v3h-3",
            Icon::Plus => "M8 3.25v9.5M3.25 8h9.5",
            Icon::Minus => "M3.25 8h9.5",
            Icon::Trash => "M2.75 4.25h10.5M6 4V2.5h4V4M4 4.25l.6 9h6.8l.6-9M6.75 7v3.5M9.25 7v3.5",
            Icon::Pencil => "M2.75 13.25l.6-2.9 7.7-7.7 2.3 2.3-7.7 7.7zM9.6 4.1l2.3 2.3",
            Icon::Up => "M8 13V3M4 7l4-4 4 4",
            Icon::Down => "M8 3v10M4 9l4 4 4-4",
            Icon::Right => "M3 8h10M9 4l4 4-4 4",
            Icon::Search => "M7 11.75a4.75 4.75 0 1 0 0-9.5 4.75 4.75 0 0 0 0 9.5zM10.5 10.5l3.25 3.25",
            Icon::Columns => "M2.25 2.75h11.5v10.5H2.25zM6 2.75v10.5M10 2.75v10.5",
            Icon::External => "M9.5 2.5h4v4M13.25 2.75L7.5 8.5M11.5 9.5v4h-9v-9h4",
            Icon::Folder => "M1.75 12.75v-9.5h4.5l1.5 2h6.5v7.5z",
            Icon::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Icon::Shield => {
                "M8 1.75l5.25 2v3.9c0 3-2.1 5.4-5.25 6.6-3.15-1.2-5.25-3.6-5.25-6.6v-3.9zM5.6 8l1.7 1.8 3.2-3.6"
            }
            Icon::Link => {
                "M6.75 9.25l2.5-2.5M7 4.75l1.6-1.6a2.97 2.97 0 0 1 4.2 4.2L11.25 9M9 11.25l-1.6 1.6a2.97 2.97 0 0 1-4.2-4.2L4.75 7"
            }
            Icon::File => "M3.75 1.75h5.5l3 3v9.5h-8.5zM9 2v3h3",
            Icon::Berg => "M1.25 9.25h13.5M3.25 6.75L6.5 2.25l2.25 2.5 1.75-1.25 2.25 3.25M4 11.5l3.75 3 4.25-3",
            Icon::History => "M2.5 5.5A6 6 0 1 1 2 8M2.25 2.5v3.25H5.5M8 4.75V8l2.25 1.5",
            Icon::Circle => "M8 13.25a5.25 5.25 0 1 0 0-10.5 5.25 5.25 0 0 0 0 10.5z",
            Icon::Spark => "M8 1.75l1.4 4.1 4.1 1.4-4.1 1.4L8 12.75l-1.4-4.1-4.1-1.4 4.1-1.4zM12.75 11.5v3M11.25 13h3",
            Icon::Cloud => "M4.5 12.75a3 3 0 0 1-.4-5.97 4 4 0 0 1 7.75-.6 3.3 3.3 0 0 1-.35 6.57z",
            Icon::Computer => "M2 2.75h12v8H2zM5.5 13.5h5M8 10.75v2.75",
            Icon::Swap => "M2.5 5h10M9.75 2.25L12.5 5 9.75 7.75M13.5 11h-10M6.25 8.25L3.5 11l2.75 2.75",
        }
    }

    pub fn draw(self) -> Html {
        html! {
            <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d={self.path()} /></svg>
        }
    }
}
