import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";

// The window without its application, for work on its looks; no build for people holds it.
if (import.meta.env.MODE === "mock") (await import("./mock/application")).install();

const target = document.getElementById("app");
if (target) mount(App, { target });
