;;; twinny-lsp-eglot.el --- Completion from your own models, with Eglot  -*- lexical-binding: t; -*-

;; Package-Requires: ((emacs "29.1"))

;;; Commentary:

;; Put this file on your `load-path' and add to your init file:
;;
;;     (require 'twinny-lsp-eglot)
;;
;; Then `M-x eglot' in a buffer of one of `twinny-lsp-eglot-modes' starts twinny-lsp.  Suggestions are
;; completions at point: C-M-i (`completion-at-point'), or any completion UI on top of it (company, corfu).
;;
;; Eglot runs ONE server in a buffer: in these modes it is twinny-lsp in place of, say, pyright.
;; Take the modes out of the list where you would rather keep that one.  lsp-mode runs several servers
;; in a buffer: see twinny-lsp-lsp-mode.el.

;;; Code:

(require 'eglot)

(defgroup twinny-lsp-eglot nil
  "Code completion from your own models, with Eglot."
  :group 'eglot
  :prefix "twinny-lsp-eglot-")

(defcustom twinny-lsp-eglot-modes
  '(python-mode python-ts-mode
    (js-mode :language-id "javascript") (js-ts-mode :language-id "javascript")
    typescript-ts-mode (tsx-ts-mode :language-id "typescriptreact")
    c-mode c-ts-mode (c++-mode :language-id "cpp") (c++-ts-mode :language-id "cpp")
    go-mode go-ts-mode rust-mode rust-ts-mode java-mode java-ts-mode
    lua-mode lua-ts-mode ruby-mode ruby-ts-mode php-mode
    (sh-mode :language-id "shellscript") (bash-ts-mode :language-id "shellscript")
    css-mode css-ts-mode html-mode html-ts-mode sql-mode
    (emacs-lisp-mode :language-id "emacs-lisp"))
  "Major modes in which Eglot starts twinny-lsp, as in `eglot-server-programs'.
Set this before the file is loaded."
  :type '(repeat sexp))

(defcustom twinny-lsp-eglot-settings nil
  "Settings for the server, as a property list.
nil keeps those of the server's own configuration file.  For example:
  (:completion (:provider \"ollama\" :model \"qwen2.5-coder:1.5b-base\"))"
  :type 'sexp)

(defun twinny-lsp-eglot-contact (&rest _)
  "Return the program that serves a buffer, with the settings for it."
  (append '("twinny-lsp")
          (and twinny-lsp-eglot-settings
               (list :initializationOptions twinny-lsp-eglot-settings))))

(add-to-list 'eglot-server-programs
             (cons twinny-lsp-eglot-modes #'twinny-lsp-eglot-contact))

(provide 'twinny-lsp-eglot)
;;; twinny-lsp-eglot.el ends here
