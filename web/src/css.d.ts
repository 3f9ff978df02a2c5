/** Style sheets are bundled as their minified text. */
declare module '*.css' {
  const text: string;
  export default text;
}
